#!/bin/sh
# sudo asks for the caller's password, never for root's.
set -eu
STEP=sudoers
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

comment_out() {
    edit_file "$1" '
        # A Defaults line with what continues it, without the options that ask for the password of another.
        /^[ \t]*Defaults/ {
            line = $0
            while (line ~ /\\\r?$/ && (getline following) > 0) {
                sub(/\\\r?$/, "", line)
                line = line following
            }
            if (line !~ /(targetpw|rootpw|runaspw)/) { print line; next }
            match(line, /^[ \t]*Defaults([:@>!]("[^"]*"|[^ \t,]+)([ \t]*,[ \t]*("[^"]*"|[^ \t,]+))*)?[ \t]+/)
            head = substr(line, 1, RLENGTH)
            rest = substr(line, RLENGTH + 1)
            kept = option = ""
            quoted = changed = 0
            for (i = 1; i <= length(rest) + 1; i++) {
                one = substr(rest, i, 1)
                if (one == "\\") { option = option one substr(rest, ++i, 1); continue }
                if (one == "\"") quoted = !quoted
                if (one == "#" && !quoted) { i = length(rest); continue }
                if (i <= length(rest) && (one != "," || quoted)) { option = option one; continue }
                gsub(/^[ \t]+|[ \t]+$/, "", option)
                if (option ~ /^(!!)*[ \t]*(targetpw|rootpw|runaspw)([ \t]*=.*)?$/) changed = 1
                else if (option != "") kept = kept (kept == "" ? "" : ", ") option
                option = ""
            }
            if (!changed) print line
            else {
                print "# " line
                if (kept != "") print head kept
            }
            next
        }
        /^[ \t]*ALL[ \t]+ALL[ \t]*=[ \t]*\(ALL\)[ \t]+ALL/ { print "# " $0; next }
        { print }'
}
each_file comment_out /etc/sudoers '/etc/sudoers.d/*'
if command -v visudo >/dev/null; then
    attempt 30 visudo -c -q || fail "visudo finds an error in /etc/sudoers"
fi
finish
