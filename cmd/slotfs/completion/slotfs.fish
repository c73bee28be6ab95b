# fish completion for slotfs
function __slotfs_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (slotfs complete -- $words[2..-1] 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c slotfs -f -a '(__slotfs_complete)'
