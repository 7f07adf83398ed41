#!/usr/bin/env bash
# instructions.sh [--check FIGURES] BINARY: a proxy's user-space instructions per request, counted by
# valgrind's callgrind.
#
# Each workload is run twice, with N and with 3 N requests, and the difference of the two counts divided by
# 2 N: starting, connecting and stopping fall out. Times depend on what else the machine does; this does
# not, so a change of a percent is a change of the program. System calls are outside the count.
#
# Proxy, load and servers share one CPU. So the load goes on whenever the proxy waits, and never while it works:
# otherwise chance would say how many requests a turn finds, and a request at depth 16 would vary by a tenth.
#
# BINARY is ringroad, or nutcracker (known by its name). Prints "workload  instructions", one line each.
# PROFILES=DIRECTORY keeps callgrind's files, for callgrind_annotate. RING="placement: ketama" takes ringroad's default
# ring and hash, MD5, instead of nutcracker's.
#
# With --check only the workloads that the file FIGURES names are run, and the script fails when one needs more
# than 3 % over its figure, or asks the allocator for memory: more than once in 100 requests, which is what the
# warming up of a thousand buffers may come to.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
figures=
if [ "${1:-}" = --check ]; then
  figures=${2:?usage: instructions.sh --check FIGURES BINARY}
  shift 2
fi
binary=${1:?usage: instructions.sh [--check FIGURES] BINARY}
loadgen=$here/build/loadgen
fakeserver=$here/build/fakeserver

fail() { echo "instructions.sh: $*" >&2; exit 2; }
command -v valgrind > /dev/null || fail "no valgrind in PATH"
cpu=$(taskset -cp $$ | sed 's/.*[ ,-]//') && taskset -cp "$cpu" $$ > /dev/null || fail "cannot keep to one CPU"
[ -x "$(command -v "$binary")" ] || fail "no program $binary"
[ -x "$loadgen" ] && [ -x "$fakeserver" ] || fail "first: make -C $here"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/ringroad-instructions.XXXXXX")
proxy='' servers=''

# Ends a process that we started, and waits for it.
end() {
  [ -n "$1" ] || return 0
  kill -TERM "$1" 2> /dev/null || true
  for _ in $(seq 100); do
    kill -0 "$1" 2> /dev/null || break
    sleep 0.1
  done
  kill -KILL "$1" 2> /dev/null || true
  wait "$1" 2> /dev/null || true
}
trap 'end "$proxy"; end "$servers"; rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP

# Valgrind before 3.21 gives up on the debugging information of a statically linked Swift program, and the
# count needs none.
if command -v objcopy > /dev/null; then
  name=$scratch/$(basename "$binary")
  objcopy --strip-debug "$(command -v "$binary")" "$name"
  binary=$name
fi

# A port below the ephemeral range on which nobody listens.
free_port() {
  local port
  while :; do
    port=$((22000 + RANDOM % 10000))
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || break
  done
  echo "$port"
}

write_config() { # port, then the servers' ports
  local port=$1 server addresses=
  shift
  if [[ $(basename "$binary") == nutcracker* ]]; then
    printf 'bench:\n  listen: 127.0.0.1:%s\n  hash: fnv1a_64\n  distribution: ketama\n' "$port"
    printf '  preconnect: true\n  auto_eject_hosts: false\n  timeout: 20000\n  servers:\n'
    printf '   - 127.0.0.1:%s:1\n' "$@"
  else
    for server in "$@"; do addresses+=${addresses:+, }127.0.0.1:$server; done
    printf 'listen: 127.0.0.1:%s\nthreads: 1\nservers: [%s]\n' "$port" "$addresses"
    # Valgrind makes all some fifty times slower: no deadline of a proxy's should strike.
    printf "${RING:-placement: twemproxy-ketama\nhash: fnv1a_64}\n"
    printf 'connect_timeout: 20s\nrequest_timeout: 20s\nlog: {level: warning}\n'
  fi
}

# Starts the proxy under callgrind, in front of the fake servers; sets `proxy` and `port`.
start_proxy() { # where callgrind shall write
  local arguments
  port=$(free_port)
  write_config "$port" $server_ports > "$scratch/proxy.conf"
  arguments=(--config "$scratch/proxy.conf")
  if [[ $(basename "$binary") == nutcracker* ]]; then
    arguments=(-c "$scratch/proxy.conf" -s "$(free_port)" -a 127.0.0.1 -v 0 -p "$scratch/proxy.pid" -o "$scratch/proxy.log")
  fi
  valgrind --tool=callgrind --callgrind-out-file="$1" --log-file="$scratch/valgrind.log" \
    "$binary" "${arguments[@]}" > "$scratch/output" 2>&1 &
  proxy=$!
  for _ in $(seq 300); do
    kill -0 "$proxy" 2> /dev/null || fail "the proxy ended: $(tail -q -n 3 "$scratch/output" "$scratch/valgrind.log")"
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && return
    sleep 0.1
  done
  fail "the proxy does not listen"
}

# Prints how many instructions a whole run with so many requests took.
count() { # requests, file for callgrind, load generator options
  local requests=$1 file=$2
  shift 2
  start_proxy "$file"
  "$loadgen" --port "$port" --requests "$requests" --patience 60 --seed 7 "$@" > "$scratch/load.json" ||
    fail "the load failed: $(cat "$scratch/load.json")"
  end "$proxy"
  proxy=''
  total=$(sed -n 's/^\(summary\|totals\): *\([0-9]*\).*/\2/p' "$file"* | sort -n | tail -1)
  [ -n "$total" ] || fail "callgrind counted nothing: $(tail -n 3 "$scratch/valgrind.log")"
  # Calls of the allocator; a function's name is written out where it is first met.
  allocations=$(awk '
    match($0, /^c?fn=\([0-9]+\)/) {
      id = substr($0, index($0, "("), RLENGTH - index($0, "(") + 1)
      if (length($0) > RLENGTH) name[id] = substr($0, RLENGTH + 2)
      if (/^cfn/) called = name[id]
    }
    /^calls=/ && called ~ /^(malloc|calloc|realloc|posix_memalign|aligned_alloc)(\047[0-9]+)?$/ {
      sum += substr($1, 7)
    }
    END { print sum + 0 }' "$file")
}

# The servers choose their own ports and tell them.
"$fakeserver" --ports 4 > "$scratch/ports" &
servers=$!
for _ in $(seq 100); do [ -s "$scratch/ports" ] && break; sleep 0.05; done
server_ports=$(cat "$scratch/ports")
[ -n "$server_ports" ] || fail "the fake servers did not start"

# Sets `instructions`, per request, and `requested`, how often memory was asked for in 1,000 requests.
take() { # name, N, load generator options
  local name=$1 requests=$2 few asked
  shift 2
  count "$requests" "$scratch/few.callgrind" "$@"
  few=$total asked=$allocations
  count "$((3 * requests))" "$scratch/$name.callgrind" "$@"
  if [ -n "${PROFILES:-}" ]; then
    mkdir -p "$PROFILES"
    cp "$scratch/$name.callgrind" "$PROFILES/"
  fi
  instructions=$(((total - few) / (2 * requests)))
  requested=$(((allocations - asked) * 1000 / (2 * requests)))
}

failures=0
measure() { # name, N, load generator options
  local name=$1 figure most instructions requested first
  if [ -z "$figures" ]; then
    take "$@"
    printf '%-10s %8d\n' "$name" "$instructions"
    return
  fi
  figure=$(awk -v name="$name" '$1 == name { print $2 }' "$figures")
  [ -n "$figure" ] || return 0
  most=$((figure * 103 / 100))
  take "$@"
  if [ "$instructions" -gt "$most" ]; then
    # Something may have disturbed it: it must come out so twice.
    first=$instructions
    take "$@"
    [ "$instructions" -lt "$first" ] || instructions=$first
  fi
  printf '%-10s %8d  at most %d' "$name" "$instructions" "$most"
  if [ "$instructions" -gt "$most" ]; then
    printf '  TOO MANY'
    failures=$((failures + 1))
  elif [ "$((instructions * 100))" -lt "$((figure * 97))" ]; then
    printf '  (%s may be lowered)' "$(basename "$figures")"
  fi
  if [ "$requested" -gt 10 ]; then
    printf '  ALLOCATES: %d times in 1000 requests' "$requested"
    failures=$((failures + 1))
  fi
  echo
}

measure get-d1 5000 --connections 50 --depth 1
measure get-d16 20000 --connections 50 --depth 16
measure mix-d16 20000 --connections 50 --depth 16 --gets 90
measure mget24 2000 --connections 50 --keys-per-get 24
[ "$failures" -eq 0 ] || exit 1
