# shellcheck shell=bash
# shellcheck disable=SC2154 # log, scratch: set by prepare.sh
# A step of the set-up: its line for the user, its log, and its end when the user stops it. Sourced by prepare.sh.

child=
status=0

# step TEXT COMMAND...: one line for the user; what the command says goes to the log.
step() {
  printf '%s …' "$1" >&2
  [[ -t 2 ]] || echo >&2
  printf '\n== %s\n' "$1" >>"$log"
  in_background logged "${@:2}"
  ((status == 0)) && return
  printf 'the set-up failed at: %s\n' "$1" >&2
  tail -n 15 -- "$log" | sed 's/^/  | /' >&2
  stop "the whole log is in $log; the next use tries again"
}

logged() {
  "$@" >>"$log" 2>&1
}

# Run a command and leave its exit code in `status`. In the background, so that a signal is acted on at once, and in a
# process group of its own, so that what the command has started can be ended with it.
in_background() {
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  show_time
  status=0
  wait "$child" || status=$?
  child=
}

show_time() {
  local began=$SECONDS
  [[ -t 2 ]] || return 0
  while kill -0 "$child" 2>/dev/null; do
    # Save the cursor, write, restore it.
    printf '\0337 %d s\0338' "$((SECONDS - began))" >&2
    sleep 0.2
  done
  printf ' %d s\n' "$((SECONDS - began))" >&2
}

interrupted() {
  trap '' INT TERM HUP
  printf '\nthe set-up was interrupted; the next use goes on with it\n' >&2
  exit "$1"
}

clean_up() {
  if [[ -n $child ]]; then
    kill -TERM -- "-$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
    child=
  fi
  [[ -z $scratch ]] || rm -rf -- "$scratch"
  # The job that comes next must not hold the lock.
  exec 9>&-
}
