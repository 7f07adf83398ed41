#!/bin/sh
# libmemcached's command line tools. Reports as checks.py does.
port=$1
servers=--servers=127.0.0.1:$port
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

check() { # check NAME COMMAND...: the command succeeds
  name=$1
  shift
  if timeout 20 "$@" >output 2>&1 </dev/null; then
    echo "ok $name"
  else
    echo "not ok $name: exit $?, $(head -c 200 output | tr '\n' ' ')"
  fi
}
fails() { # fails COMMAND...: it fails by itself, not by a signal and not by the clock
  "$@"
  status=$?
  [ "$status" -gt 0 ] && [ "$status" -lt 124 ]
}
refused() {
  name=$1
  shift
  if fails timeout 20 "$@" >output 2>&1 </dev/null; then
    echo "ok $name"
  else
    echo "not ok $name: it succeeded, or was killed"
  fi
}
holds() { # holds NAME CONDITION...
  name=$1
  shift
  if "$@"; then echo "ok $name"; else echo "not ok $name: $*"; fi
}

check 'memcping' memcping "$servers"
check 'memcstat' memcstat "$servers"
holds 'memcstat has curr_items' grep -q 'curr_items: ' output
holds 'memcstat has a version' grep -q 'version: 1\.' output
check 'memcstat of a setting' memcstat "$servers" --args=settings
holds 'memcstat has maxbytes' grep -q 'maxbytes' output
check 'memcstat, server version' memcstat "$servers" --server-version
holds 'memcstat has the server version' grep -q '1\.6' output

head -c 3000 /dev/urandom >first
head -c 900000 /dev/urandom >second
printf 'a line\r\nEND\r\n' >third
check 'memccp' memccp "$servers" --set first second third
for key in first second third; do
  check "memcexist of $key" memcexist "$servers" $key
  check "memccat of $key into a file" memccat "$servers" --file="got-$key" $key
  holds "$key came back as it went" cmp -s "$key" "got-$key"
done
check 'memccat of two' memccat "$servers" third third
holds 'memccat said both' test "$(grep -c 'a line' output)" -eq 2
refused 'memcexist of nothing' memcexist "$servers" nothing
refused 'memccat of nothing' memccat "$servers" nothing
printf 'other' >first
refused 'memccp, add of what is there' memccp "$servers" --add first
check 'memccp, replace' memccp "$servers" --replace first
check 'memctouch' memctouch "$servers" --expire=100 first
refused 'memctouch of nothing' memctouch "$servers" --expire=100 nothing
check 'memcstat of items' memcstat "$servers" --args=items
holds 'memcstat has a class of items' grep -q 'items:[0-9]*:number: ' output
check 'memcstat of slabs' memcstat "$servers" --args=slabs
holds 'memcstat has active_slabs' grep -q 'active_slabs: ' output
# memcached lists what its maintainer has moved to the cold end, in its own time.
dumps() { memcdump "$servers" | grep -q '^third$'; }
for wait in 1 2 3 4 5 6 7 8 9 10; do
  dumps && break
  sleep 1
done
check 'memcdump' memcdump "$servers"
holds 'memcdump has what was stored' grep -q '^third$' output
check 'memcrm' memcrm "$servers" first
refused 'memcexist of what was removed' memcexist "$servers" first
refused 'memcrm of nothing' memcrm "$servers" first
check 'memcflush' memcflush "$servers"
refused 'memcexist after memcflush' memcexist "$servers" second

for test in set get mget; do
  check "memcslap, $test" memcslap "$servers" --test=$test --concurrency=4 --execute-number=500
  check "memcslap, $test, unblocked" \
    memcslap "$servers" --test=$test --concurrency=4 --execute-number=500 --non-blocking --tcp-nodelay
done
check 'memcslap, set, without replies' memcslap "$servers" --test=set --concurrency=2 --execute-number=500 --noreply
check 'memcslap with a flush first' memcslap "$servers" --flush --test=get --execute-number=200
