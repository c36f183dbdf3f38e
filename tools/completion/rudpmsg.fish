# SPDX-License-Identifier: MIT
# Completion of rudpmsg(1) for fish.

complete -c rudpmsg -f
complete -c rudpmsg -n __fish_use_subcommand -a 'send receive pipe bench'
complete -c rudpmsg -s a -l ack -x -a 'received handled stored' -d 'what an acknowledgement means'
complete -c rudpmsg -l framed -d 'a message is a length and bytes'
complete -c rudpmsg -s i -l id -x -d 'name of this node'
complete -c rudpmsg -s l -l listen -x -d 'accept links on this address'
complete -c rudpmsg -s n -l count -x -d 'number of messages'
complete -c rudpmsg -s p -l peer -x -d 'name of the node at that address'
complete -c rudpmsg -s q -l quiet -d 'no progress on standard error'
complete -c rudpmsg -l size -x -d 'bytes of a message'
complete -c rudpmsg -l store -x -a '(__fish_complete_directories)' -d 'keep messages there'
complete -c rudpmsg -l tcp -d 'use plain TCP'
complete -c rudpmsg -s t -l to -x -a '(__fish_print_hostnames)' -d 'dial the node at this address'
complete -c rudpmsg -s w -l timeout -x -d 'how long to wait, in seconds'
complete -c rudpmsg -s V -l version -d 'print the version'
complete -c rudpmsg -s '?' -l help -d 'print a summary'
