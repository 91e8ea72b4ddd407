# Reads a Linux host's socket tables for the auditor, and changes nothing there. It needs a POSIX shell with cat and ls;
# awk, where there is one, keeps the answer small. The whole is one block: cut off on its way in, it does nothing.
#
# shellcheck shell=sh disable=SC2012,SC2013,SC2086,SC2231,SC2317  # ls shows links as they are; words are one number or path
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

namespace() { own=$(ls -ln self/ns/net) && printf 'net:%s\n' "${own##*net:}"; }
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
# What a tool printed to its end has a last line that says so.
rules() { nft -j list ruleset && echo '#read'; }
texts() { nft list ruleset && echo '#read'; }
saved() { "$1" -t "$2" && echo '#read'; }

# saves: of tables that iptables made what it prints itself. A table that is not there is not asked for: asking for one
# of the older kind would load a module.
saves() {
  there=$({ nft list tables || echo 'table ip nat table ip mangle table ip6 nat table ip6 mangle'; } | tr '\n' ' ')
  for table in nat mangle; do
    for family in '' 6; do
      case " $there" in
        *" table ip$family $table "*)
          with=ip${family}tables-nft-save
          command -v "$with" >/dev/null || with=ip${family}tables-save
          output "ip${family}tables-nft-save $table" '' saved "$with" "$table" ;;
      esac
      case " $(tr '\n' ' ' <"self/net/ip${family}_tables_names")" in
        *" $table "*)
          with=ip${family}tables-legacy-save
          command -v "$with" >/dev/null || with=ip${family}tables-save
          output "ip${family}tables-legacy-save $table" '' saved "$with" "$table" ;;
      esac
    done
  done
}

# own FOLDER: the IPv4 addresses of a network namespace.
own() { awk '/\/32 host LOCAL/ { print last } { last = $NF }' "$1/fib_trie"; }

groups() { grep -H ':/.' [0-9]*/cgroup; }

# Of every process that holds ports for containers, or watches over them: its number and its arguments, tabs between.
commands() {
  for pid in $(cat [0-9]*/status | awk '
    $1 == "Name:" {
      named = $2 ~ /^(docker-proxy|rootlesskit|rootlessport|slirp4netns|pasta|passt|conmon|gvproxy|containerd-shim|dockerd)/
    }
    $1 == "Pid:" && named { print $2 }'); do
    printf '%s\t' "$pid"
    head -c 16384 "$pid/cmdline" | tr '\000\n\t' '\t  '
    echo
  done
}

# Where root's dockerd keeps its state, if it was told so.
roots() {
  for pid in $(cat [0-9]*/status | awk '
    $1 == "Name:" { named = $2 == "dockerd" && NF == 2 }
    $1 == "Pid:" { pid = $2 }
    $1 == "Uid:" && named && $3 == 0 { print pid }'); do
    head -c 16384 "$pid/cmdline" | tr '\000\n' '\n ' | awk '
      take { print; take = 0 }
      /^--data-root=/ { print substr($0, 13) }
      $0 == "--data-root" || $0 == "-g" { take = 1 }'
  done
}

# What engines keep of their containers, a line each: the path, a tab, and what it holds.
kept() {
  folder=/run/containerd/io.containerd.runtime.v2.task
  stored=/containers/storage/overlay-containers
  count=0
  roots=$(roots)
  set -f
  set -- /var/lib/docker $roots
  set +f
  for docker; do
    set -- "$docker"/containers/*/config.v2.json
    for path; do keep "$path"; done
  done
  for path in /var/lib$stored/containers.json $folder/*/*/config.json /run$stored/*/userdata/config.json; do
    keep "$path"
  done
}
keep() {
  [ -f "$1" ] && [ -r "$1" ] && [ $count -lt 2000 ] || return 0
  count=$((count + 1))
  printf '%s\t' "$1"
  head -c 1048576 "$1" | tr '\n' ' '
  echo
}

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
  if nft -j list tables >/dev/null; then
    output 'nft list ruleset' '' rules
  else
    output nft-text '^#read$|dnat|DNAT|redirect|REDIRECT|tproxy|TPROXY|xt |xt_|unknown' texts
  fi
  saves
  output own '' own self/net
  output route_localnet '' cat sys/net/ipv4/conf/*/route_localnet
  output ss ino: listed
  output fds '-> socket:[[][0-9]+]$|^[0-9]+/fd:$' descriptors
  output stat '' processes
  output status '^(Name|Pid|Uid):' owners
  output cgroup '' groups
  output commands '' commands
  output kept '' kept
  output namespace '' namespace
  file mounts self/mountinfo ' net:[[]'
  for found in $(namespaces); do
    case $found in
      denied:*) output denied '' printf '%s\n' "${found#denied:}" ;;
      *)
        tables "net:[${found%%:*}] " "${found#*:}/net"
        output "net:[${found%%:*}] own" '' own "${found#*:}/net"
        file "net:[${found%%:*}] ipv6" "${found#*:}/net/if_inet6" ;;
    esac
  done
fi
output users '' users
printf '%s end %s\n' "$mark" "$sections"
exit
}
