# Reads a Linux host's socket tables for the auditor, and changes nothing there. It needs a POSIX shell with cat and ls;
# awk, where there is one, keeps the answer small. The whole is one block: cut off on its way in, it does nothing.
#
# shellcheck shell=sh disable=SC2012,SC2086,SC2317  # ls shows links as they are; $quoted is an option or none
#
# Every line of data begins with "=", so that no data can pass for a mark, and every mark with a word that was made up
# for this login: nobody who listens on the host can know it, as it is in no command's arguments. A section ends with
# the numbers of its lines and bytes; the whole with the number of sections.
{
exec </dev/null 2>/dev/null
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH LC_ALL=C
export PATH LC_ALL
mark='@MARK@'
sections=0

# frame [ERE]: standard input as data, the lines that match; without awk, all lines.
if command -v awk >/dev/null; then
  frame() {
    awk -v wanted="${1:-}" 'wanted == "" || $0 ~ wanted { print "=" $0; lines++; bytes += length($0) + 1 }
      END { print "." lines + 0 " " bytes + 0 }'
  }
else
  frame() {
    lines=0 bytes=0
    while IFS= read -r line || [ -n "$line" ]; do
      printf '=%s\n' "$line"
      lines=$((lines + 1)) bytes=$((bytes + ${#line} + 1))
    done
    printf '.%s %s\n' "$lines" "$bytes"
  }
fi

begin() {
  sections=$((sections + 1))
  printf '%s section %s\n' "$mark" "$1"
}

# file NAME PATH [ERE]
file() {
  begin "$1"
  if [ ! -e "$2" ]; then
    printf '%s absent\n' "$mark"
  elif [ ! -r "$2" ]; then
    printf '%s denied\n' "$mark"
  elif frame "${3:-}" <"$2"; then
    printf '%s done\n' "$mark"
  else
    printf '%s failed\n' "$mark"
  fi
}

# output NAME ERE COMMAND...
output() {
  begin "$1"
  wanted=$2
  shift 2
  "$@" | frame "$wanted"
  printf '%s done\n' "$mark"
}

# tables PREFIX FOLDER: what listens over TCP, and every UDP socket.
tables() {
  for table in tcp tcp6; do
    file "$1$table" "$2/$table" 'local_address|:0000 0A '
  done
  for table in udp udp6; do
    file "$1$table" "$2/$table"
  done
}

# Of every other network namespace one process that lives in it: "INODE:PID".
namespaces() {
  command -v awk >/dev/null || { echo denied:all && return; }
  own=$(ls -ln self/ns/net)
  own=${own##*net:[}
  ls $quoted -ln [0-9]*/ns/net | awk -v own="${own%]}" '
    $(NF - 1) == "->" && $NF ~ /^net:[[][0-9]+]$/ {
      inode = substr($NF, 6, length($NF) - 6)
      if (inode != own && !(inode in seen)) { seen[inode]; print inode ":" ($(NF - 2) + 0) }
    }
    $(NF - 1) != "->" { denied++ }
    END { if (denied) print "denied:" denied }'
}

order() { printf '\001\000' | od -An -d; }
me() { id -u && id -un; }
users() { cut -d: -f1,3 /etc/passwd; }
processes() { cat [0-9]*/stat; }
owners() { cat [0-9]*/status; }
# -q: a name with a newline in it must not pass for another line. Where ls does not know it, it is so by itself.
quoted=
ls -q / >/dev/null && quoted=-q
descriptors() { ls $quoted -ln self/fd [0-9]*/fd; }
listed() { ss -tulne; }
rules() { nft list ruleset && echo '#read'; }

printf '\n%s begin 1\n' "$mark"
for word in n s r m; do output "uname-$word" '' uname "-$word"; done
output id '' me
output order '' order
if cd /proc; then
  # Settings are for reading at once: byte by byte, as the shell itself reads, only the first comes.
  output range '' cat sys/net/ipv4/ip_local_port_range
  output reserved '' cat sys/net/ipv4/ip_local_reserved_ports
  file ipv6 net/if_inet6
  tables '' self/net
  file modules modules '^nf_tables |_nat |_?[tT][pP][rR][oO][xX][yY] '
  file builtin "/lib/modules/$(uname -r)/modules.builtin" '/nf_tables[.]ko|_nat[.]ko|_[tT][pP][rR][oO][xX][yY][.]ko'
  file legacy self/net/ip_tables_names
  file legacy6 self/net/ip6_tables_names
  output nft '^#read$|dnat|DNAT|redirect|REDIRECT|tproxy|TPROXY|xt |xt_|unknown' rules
  output ss ino: listed
  output fds '-> socket:[[][0-9]+]$|^[0-9]+/fd:$' descriptors
  output stat '' processes
  output status '^(Name|Pid|Uid):' owners
  for found in $(namespaces); do
    case $found in
      denied:*) output denied '' printf '%s\n' "${found#denied:}" ;;
      *) tables "net:[${found%%:*}] " "${found#*:}/net" ;;
    esac
  done
fi
output users '' users
printf '%s end %s\n' "$mark" "$sections"
exit
}
