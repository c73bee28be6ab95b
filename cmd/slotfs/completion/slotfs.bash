# bash completion for slotfs
_slotfs() {
	local word=${COMP_WORDS[COMP_CWORD]}
	# What is typed may be quoted; slotfs wants the word itself.
	word=$(sed "s/^[\"']//; s/\\\\\(.\)/\\1/g" <<<"$word")
	mapfile -t COMPREPLY < <(slotfs complete -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null)
	[[ ${COMPREPLY[0]-} == */* ]] && compopt -o filenames
	# A directory is gone on with.
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace
	return 0
}
complete -o default -F _slotfs slotfs
