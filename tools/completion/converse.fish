# SPDX-License-Identifier: MIT
# Completion of converse(1) for fish.

complete -c converse -f
complete -c converse -s s -l server -x -a '(__fish_print_hostnames)' -d 'address of the server'
complete -c converse -s i -l id -x -d 'name of this client'
complete -c converse -s k -l key -r -F -d 'the key of the server'
complete -c converse -l peer -x -d 'the id of the server'
complete -c converse -l store -x -a '(__fish_complete_directories)' -d 'keep unsent lines there'
complete -c converse -s n -l nick -x -d 'the nick'
complete -c converse -l by-key -d 'log in by the rudp identity'
complete -c converse -l password -r -F -d 'log in with the first line of the file'
complete -c converse -s j -l join -x -d 'join these channels'
complete -c converse -l history -x -d 'lines of history to show'
complete -c converse -l send -x -d 'say each line of the standard input there'
complete -c converse -l tail -x -d 'print what others say there'
complete -c converse -l count -x -d 'end after so many lines'
complete -c converse -s w -l timeout -x -d 'seconds without progress'
complete -c converse -s q -l quiet -d 'print nothing about the connection'
complete -c converse -l version -d 'print the version'
complete -c converse -s h -l help -d 'print a summary'
