#!/bin/sh
# What the hooks of an accounts file may do to a Maildir: for Dovecot, Courier, and whoever else keeps mail in Maildirs.
#
#   maildir.sh list MAILDIR             says the field X-Poplab-Fixture of each message
#   maildir.sh remove MAILDIR MARKER    removes the message in whose header this digest is
#   maildir.sh unreadable MAILDIR       takes it away from the server
#   maildir.sh read-only MAILDIR        lets the server read it and change nothing
#   maildir.sh mend MAILDIR             gives it back
#   maildir.sh save MAILDIR BACKUP      copies it, with what the server knows of its unique-ids
#   maildir.sh restore MAILDIR BACKUP   puts the copy in its place
#
# It has to run as the owner of the mail, or as root; the server must not read mail as root, or no fault is one to it.
# Nothing outside of MAILDIR and BACKUP is touched, and only `remove` and `restore` remove anything.
set -eu
action=$1
maildir=$2

# The messages of the inbox, one file a line. Names of Maildirs have no line ends.
messages() {
  find "$maildir/cur" "$maildir/new" -type f
}

# Of a file only what stands before the first empty line.
header() {
  sed -n '/^[[:space:]]*$/q;p' "$1"
}

case $action in
list)
  messages | while IFS= read -r file; do
    header "$file" | grep -ai '^X-Poplab-Fixture:' || true
  done
  ;;
remove)
  marker=$3
  case $marker in *[!0-9a-f]* | '') echo "this is no digest: $marker" >&2; exit 2 ;; esac
  messages | while IFS= read -r file; do
    if header "$file" | grep -aqi "^X-Poplab-Fixture:.*body-sha256=$marker"; then
      rm -f -- "$file"
    fi
  done
  ;;
unreadable)
  chmod 000 "$maildir/cur" "$maildir/new" "$maildir"
  ;;
read-only)
  chmod a-w "$maildir/cur" "$maildir/new" "$maildir/tmp" "$maildir"
  ;;
mend)
  chmod u+rwx "$maildir"
  chmod u+rwx "$maildir/cur" "$maildir/new" "$maildir/tmp"
  ;;
save)
  mkdir -p "$3"
  find "$3" -mindepth 1 -delete
  cp -aT "$maildir" "$3"
  ;;
restore)
  test -d "$3/cur"
  find "$maildir" -mindepth 1 -delete
  cp -aT "$3" "$maildir"
  ;;
*)
  echo "there is no action $action" >&2
  exit 2
  ;;
esac
