#!/usr/bin/env bash
# The one launcher: prepares the environment on first use, then becomes the job, the tests or the help that was asked for.
set -euo pipefail
unset CDPATH
# Images often set it to stay small; here every import of TensorFlow would be compiled anew, which takes 4 s.
unset PYTHONDONTWRITEBYTECODE

script=$(readlink -f -- "${BASH_SOURCE[0]}" 2>/dev/null || printf '%s' "${BASH_SOURCE[0]}")
root=$(cd -- "$(dirname -- "$script")" && pwd -P)
venv=$root/.venv
python=$venv/bin/python
# shellcheck source=scripts/machine.sh
. "$root/scripts/machine.sh"

readonly DONE=0 USAGE=2

usage() {
  cat <<'TEXT'
Usage:
  ./spark-submit.sh JOB [--env NAME] [--dry-run] [--conf-file FILE ...] [key=value ...]   run a job
  ./spark-submit.sh JOB --help                                                           its settings
  ./spark-submit.sh test [pytest arguments]                                              run the tests

The first use prepares the environment. The last line of standard output is one JSON object;
everything else goes to standard error. Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted.

Jobs:
TEXT
  summaries
}

# One line a job: its name and the first line of its docstring. Read without Python, which may not be there yet.
summaries() {
  awk -F'"""' '
    NF > 1 && !(FILENAME in seen) {
      seen[FILENAME] = 1
      name = FILENAME
      gsub(/^.*\/|\.py$/, "", name)
      printf "  %-22s %s\n", name, $2
    }' "$root"/jobs/*.py
}

docstring() {
  awk '
    !inside && sub(/^"""/, "") { inside = 1 }
    inside && sub(/""".*/, "") { if ($0 != "") print; exit }
    inside { print }' "$1"
}

is_prepared() {
  [[ -x $python ]] && stamp 2>/dev/null | cmp -s - "$venv/prepared"
}

# What the environment was made from and where; a change of any of it prepares it again.
stamp() {
  printf '%s\n' "$root"
  cat "$root/constraints.txt" "$root/setup.py" "$root"/scripts/*
}

ensure_prepared() {
  is_prepared && return
  # shellcheck source=scripts/prepare.sh
  . "$root/scripts/prepare.sh"
  prepare
}

commit() {
  # A clone unpacked inside another repository must not report that one's commit.
  if ! { [[ -e $root/.git ]] && git -C "$root" describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null; }; then
    echo unknown
  fi
}

# What both a job and the tests run with.
export_environment() {
  local java_home
  java_home=$(find_java) || stop "$(missing_java)"
  export JAVA_HOME=$java_home
  export INVOICELAKE_HOME=$root INVOICELAKE_ENV=$1
  export INVOICELAKE_GIT_COMMIT=${INVOICELAKE_GIT_COMMIT:-$(commit)}
  # Replaced, not extended: packages found there would go before the pinned ones.
  export PYTHONPATH=$root/libs
  export PATH=$venv/bin:$JAVA_HOME/bin:$PATH
  # Without a UTF-8 locale (cron, ssh) the JVM turns every ä of a file name into a question mark.
  case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in *[Uu][Tt][Ff]*) ;; *) export LC_ALL=C.UTF-8 ;; esac
  export PYSPARK_PYTHON=$python PYSPARK_DRIVER_PYTHON=$python
}

# Python comes first and starts its own JVM: settings are judged before there is one, and the JVM ends by itself when
# Python is gone, however it went. With spark-submit the JVM is the parent: it takes seconds before Python can say
# anything, and what Python writes to standard error comes out on standard output.
export_embedded_spark() {
  SPARK_HOME=$(bundled_spark)
  SPARK_CONF_DIR=$root/conf/spark
  export SPARK_HOME SPARK_CONF_DIR
  # A class path, for --jars splits at commas and copies each jar into every session's folder.
  printf -v PYSPARK_SUBMIT_ARGS -- '--properties-file %q --driver-class-path %q pyspark-shell' \
    "$SPARK_CONF_DIR/$1.conf" "$venv/jars/*"
  export PYSPARK_SUBMIT_ARGS
}

# Said and not left to be found: Spark's own search for it breaks at a space in the path.
bundled_spark() {
  printf '%s' "$venv"/lib/python3.11/site-packages/pyspark
}

is_embedded() {
  grep -Eq '^spark\.master[[:space:]=]+local(\[.*)?[[:space:]]*$' "$root/conf/spark/$1.conf"
}

names_master() {
  grep -Eq '^spark\.master[[:space:]=]' "$root/conf/spark/$1.conf"
}

delta_jars() {
  local jars=("$venv"/jars/*.jar) IFS=,
  printf '%s' "${jars[*]}"
}

# The package as an archive for executors, which unpack it: a file beside a module is then where the module looks for it.
package() {
  local file=$venv/invoicelake_libs.zip
  "$python" -c 'import shutil, sys; shutil.make_archive(sys.argv[1], "zip", sys.argv[2], "invoicelake")' \
    "$file.$$" "$root/libs" >&2
  mv -- "$file.$$.zip" "$file"
  printf '%s' "$file"
}

# Whether executors are to look for GPUs by our script, which is then sent along.
finds_gpus() {
  grep -Eq '^spark\.executor\.resource\.gpu\.discoveryScript[[:space:]=]+\./gpu_resources\.sh[[:space:]]*$' \
    "$root/conf/spark/$1.conf"
}

require_job() {
  [[ $1 =~ ^[a-z][a-z0-9_]*$ && -f $root/jobs/$1.py ]] && return
  printf "there is no job '%s'; the jobs are:\n%s\n" "$1" "$(summaries)" >&2
  exit "$USAGE"
}

require_environment() {
  [[ $1 =~ ^[a-zA-Z0-9_-]+$ && -f $root/conf/spark/$1.conf ]] && return
  local names=("$root"/conf/spark/*.conf)
  names=("${names[@]##*/}")
  printf "there is no environment '%s'; there is: %s\n" "$1" "${names[*]%.conf}" >&2
  exit "$USAGE"
}

show_help() {
  if is_prepared; then
    PYTHONPATH=$root/libs INVOICELAKE_HOME=$root exec "$python" -m invoicelake.cli help "$1"
  fi
  docstring "$root/jobs/$1.py"
  printf '\nIts settings are listed here once the environment is prepared, which the first run of a job does.\n'
  exit "$DONE"
}

run_job() {
  local job=$1 env=local is_dry_run=false given
  shift
  require_job "$job"
  given=("$@")
  while (($#)); do
    case $1 in
      --help | -h) show_help "$job" ;;
      --dry-run) is_dry_run=true ;;
      --env) env=${2-} ;;
      --env=*) env=${1#*=} ;;
    esac
    shift
  done
  require_environment "$env"
  ensure_prepared
  export_environment "$env"
  set -- "$root/jobs/$job.py" ${given[@]+"${given[@]}"}
  if is_embedded "$env"; then
    export_embedded_spark "$env"
  elif ! $is_dry_run; then
    # It would judge the settings too, seconds later, once Spark has been started for it.
    # The name of a benchmark comes before the settings.
    local first=2
    [[ $job != benchmark ]] || first=3
    "$python" -m invoicelake.cli check "$job" "${@:first}" || exit
    export SPARK_HOME=${SPARK_HOME:-$(bundled_spark)}
    # For its log settings: by itself Spark tells everything on standard error.
    export SPARK_CONF_DIR=${SPARK_CONF_DIR:-$root/conf/spark}
    local files=()
    ! finds_gpus "$env" || files=(--files "$root/scripts/gpu_resources.sh")
    [[ -n ${MASTER-} ]] || names_master "$env" ||
      stop "no Spark master is named for --env $env: set MASTER, such as MASTER=spark://HOST:7077, or spark.master in conf/spark/$env.conf"
    exec "$SPARK_HOME/bin/spark-submit" --properties-file "$root/conf/spark/$env.conf" \
      --jars "$(delta_jars)" --archives "$(package)#invoicelake_libs" ${files[@]+"${files[@]}"} "$@"
  fi
  exec "$python" "$@"
}

# All tests at once are more than one process makes use of: Spark's driver plans on one core.
tests_side_by_side() {
  if (($(nproc 2>/dev/null || echo 1) > 1 && $(memory_mib) >= 16000)); then
    printf '%s\n' --numprocesses=2 --dist=loadfile
  fi
}

run_tests() {
  local distributed=()
  (($# > 0)) || mapfile -t distributed < <(tests_side_by_side)
  ensure_prepared
  export_environment local
  export_embedded_spark local
  cd -- "$root"
  exec "$python" -m pytest ${distributed[@]+"${distributed[@]}"} "$@"
}

case ${1-} in
  --help | -h) usage ;;
  test) run_tests "${@:2}" ;;
  '' | -*)
    usage >&2
    exit "$USAGE"
    ;;
  *) run_job "$@" ;;
esac
