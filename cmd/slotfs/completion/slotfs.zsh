#compdef slotfs
# zsh completion for slotfs
_slotfs() {
	local -a found plain directories
	found=(${(f)"$(slotfs complete -- "${(@Q)words[2,CURRENT-1]}" "${(Q)words[CURRENT]}" 2>/dev/null)"})
	directories=(${(M)found:#*/})
	plain=(${found:#*/})
	if (( ! $#found )); then
		_files
		return
	fi
	(( $#plain )) && compadd -- $plain
	# A directory is gone on with.
	(( $#directories )) && compadd -S '' -- $directories
}
if [ "$funcstack[1]" = "_slotfs" ]; then
	_slotfs
else
	compdef _slotfs slotfs
fi
