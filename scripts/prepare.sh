# shellcheck shell=bash
# shellcheck disable=SC2154 # root, venv, python, is_prepared, stamp: set by spark-submit.sh
# The set-up: .venv with the pinned packages, Horovod, and the Delta jars. Sourced by spark-submit.sh when it is due.
# Every step may be cut off at any point: what it made counts only once it has its final name.

# shellcheck source=scripts/progress.sh
. "$root/scripts/progress.sh"
# shellcheck source=scripts/packages.sh
. "$root/scripts/packages.sh"
# shellcheck source=scripts/horovod.sh
. "$root/scripts/horovod.sh"
# shellcheck source=scripts/jars.sh
. "$root/scripts/jars.sh"

# Packages take 3 GB in .venv, what uv keeps of them and the building of Horovod another 2.
readonly NEEDED_DISK_MIB=6000 NEEDED_DISK_FOR_REPAIR_MIB=500
# A machine of 4 GiB, less what its kernel keeps for itself.
readonly NEEDED_MEMORY_MIB=3700
readonly log=$venv/prepare.log

scratch=
cache=

prepare() {
  local base
  SECONDS=0
  check_machine
  base=$(find_python)
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
  trap 'interrupted 129' HUP
  trap 'clean_up' EXIT
  lock_folder "$base"
  if ! is_prepared; then
    printf 'preparing the environment in %s (once)\n' "$venv" >&2
    run_steps "$base"
    printf 'the environment is ready, after %d s\n' "$SECONDS" >&2
  fi
  clean_up
  trap - INT TERM HUP EXIT
}

# All that is missing at once, so that nobody installs one thing only to be told of the next.
check_machine() {
  local problems=() base need=$NEEDED_DISK_MIB free memory
  [[ $root != *:* ]] || problems+=("the folder $root has a colon in its path, which Python's path cannot hold: move it")
  # What is prepared here is bound to this folder's path; to prepare it would empty what another clone runs with.
  [[ ! -L $venv ]] || problems+=("$venv is a link to $(readlink -- "$venv"), which the set-up would empty: remove the link")
  [[ -w $root ]] || problems+=("the folder $root is not writable for $(id -un): clone it where you may write")
  if base=$(find_python); then
    "$base" -c 'import ensurepip, venv' 2>/dev/null || problems+=("$(missing_venv_module "$base")")
  else
    problems+=("$(missing_python)")
  fi
  find_java >/dev/null || problems+=("$(missing_java)")
  { can_compile && has make; } || problems+=("$(missing_compiler)")
  [[ ! -e $venv/prepare.log ]] || need=$NEEDED_DISK_FOR_REPAIR_MIB
  free=$(free_disk_mib "$root")
  ((free >= need)) || problems+=("missing: disk space: $root has $free MiB free, $need are needed")
  memory=$(memory_mib)
  ((memory >= NEEDED_MEMORY_MIB)) ||
    problems+=("missing: memory: this machine or container has $memory MiB, 4 GiB are needed")
  ((${#problems[@]} == 0)) || stop "${problems[@]}"
}

# One set-up at a time in a folder. Python locks, for macOS has no flock command; the lock is held by the open file,
# and with it by every child: a new set-up also waits for what a killed one left running.
lock_folder() {
  exec 9>>"$root/.venv.lock"
  if ! lock "$1" 9 at_once; then
    echo "another set-up is at work in this folder; waiting for it" >&2
    in_background lock "$1" 9
    ((status == 0)) || stop "cannot lock $root/.venv.lock"
  fi
}

# lock PYTHON DESCRIPTOR [at_once]
lock() {
  "$1" -c 'import fcntl, sys
try:
    fcntl.flock(int(sys.argv[1]), fcntl.LOCK_EX | (fcntl.LOCK_NB if len(sys.argv) > 2 else 0))
except BlockingIOError:
    sys.exit(1)' "${@:2}"
}

run_steps() {
  local folder
  mkdir -p -- "$venv"
  : >"$log"
  scratch=$(make_scratch)
  choose_cache
  use_pip_settings "$1"
  step "[1/4] making .venv" make_venv "$1"
  step "[2/4] installing $(grep -c == "$root/constraints.txt") packages (1.5 GB to fetch where none are cached)" install_packages
  find_cuda
  folder=$(horovod_folder)
  if has_wheel "$folder"; then
    step "[3/4] installing Horovod, built before, $cuda_told" install_horovod "$folder"
  else
    step "[3/4] building Horovod (2 to 7 minutes, once) $cuda_told" install_horovod "$folder"
  fi
  step "[4/4] fetching the Delta jars and the PostgreSQL driver" install_jars
  stamp >"$venv/prepared.new"
  mv -- "$venv/prepared.new" "$venv/prepared"
}

# A folder without a space in its path: Horovod's build splits its flags at spaces.
make_scratch() {
  local parent=${TMPDIR:-/tmp}
  [[ $parent != *' '* ]] || parent=/tmp
  mktemp -d "$parent/invoicelake.XXXXXX"
}

# Where built wheels and fetched jars are kept for every clone of this user; uv and pip keep theirs beside them.
choose_cache() {
  local wanted=${XDG_CACHE_HOME:-${HOME-}/.cache}
  if ! mkdir -p -- "$wanted/invoicelake" 2>/dev/null || [[ ! -w $wanted/invoicelake ]]; then
    echo "$wanted is not writable: downloads and wheels are kept in $root/.cache, for this clone only" >&2
    wanted=$root/.cache
  fi
  export XDG_CACHE_HOME=$wanted
  cache=$wanted/invoicelake
  mkdir -p -- "$cache/wheels" "$cache/jars"
}
