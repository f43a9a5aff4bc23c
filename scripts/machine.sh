# shellcheck shell=bash
# What the launcher needs of a machine and cannot bring itself: where it is, and what to say when it is not there.
# Sourced by spark-submit.sh.

readonly FAILED=1

stop() {
  printf '%s\n' "$@" >&2
  exit "$FAILED"
}

# What is missing, and the command that brings it on this kind of system: on others, all three commands.
missing() {
  local what=$1 apt="sudo apt-get install $2" dnf="sudo dnf install $3" brew="brew install $4"
  printf 'missing: %s\n' "$what"
  if has apt-get; then
    printf '  %s\n' "$apt"
  elif has dnf; then
    printf '  %s\n' "$dnf"
  elif has brew; then
    printf '  %s\n' "$brew"
  else
    printf '  %-16s %s\n' 'Debian, Ubuntu:' "$apt" 'Fedora:' "$dnf" 'macOS:' "$brew"
  fi
}

has() {
  command -v "$1" >/dev/null 2>&1
}

is_python() {
  "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1
}

# Print the path of a Python 3.11.
find_python() {
  local candidate
  for candidate in python3.11 python3 python "${HOME-}"/.pyenv/versions/3.11*/bin/python \
    "${HOME-}"/.local/share/uv/python/cpython-3.11*/bin/python; do
    if is_python "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

missing_python() {
  missing "Python 3.11 (found: $(python3 --version 2>/dev/null || echo none))" \
    'python3.11 python3.11-venv' 'python3.11' 'python@3.11'
  printf '  where the system has no 3.11:  pip install uv && uv python install 3.11\n'
}

missing_venv_module() {
  missing "the venv module of $1" 'python3.11-venv' 'python3.11' 'python@3.11'
}

# The major version of the JDK in a folder, from its own statement: starting it takes 0.1 s or more.
java_version() {
  [[ -n $1 && -x $1/bin/java ]] || return 1
  if [[ -r $1/release ]]; then
    sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
  else
    "$1/bin/java" -version 2>&1 | sed -n '1s/.*version "\([0-9]*\).*/\1/p'
  fi
}

# The home of the java on PATH, behind its links; behind a shim (jenv, asdf), from what it says of itself.
java_on_path() {
  local java
  java=$(command -v java) || return 1
  java=$(readlink -f -- "$java")
  if [[ -e ${java%/bin/java}/lib/modules ]]; then
    printf '%s\n' "${java%/bin/java}"
  else
    java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p'
  fi
}

# Print the home of a JDK 17: the user's choice first, then any that is installed.
find_java() {
  local home
  for home in "${JAVA_HOME-}" "$(java_on_path)" /usr/lib/jvm/*17* "${HOME-}"/.sdkman/candidates/java/17* \
    /Library/Java/JavaVirtualMachines/*17*/Contents/Home /opt/homebrew/opt/openjdk@17; do
    if [[ $(java_version "$home") == 17 ]]; then
      printf '%s\n' "$home"
      return
    fi
  done
  return 1
}

missing_java() {
  local found
  found=$(java_version "${JAVA_HOME:-$(java_on_path)}") || true
  missing "JDK 17 (found: ${found:-none}), which Spark 3.5 runs on" \
    'openjdk-17-jdk-headless' 'java-17-openjdk-headless' 'openjdk@17'
}

compiler() {
  printf '%s' "${CXX:-g++}"
}

can_compile() {
  "$(compiler)" -std=c++17 -x c++ -fsyntax-only - <<<'#include <vector>' >/dev/null 2>&1
}

missing_compiler() {
  missing "a C++17 compiler ($(compiler)) and make, to build Horovod" 'g++ make' 'gcc-c++ make' 'gcc make'
}

# Mebibytes free in the file system of a folder.
free_disk_mib() {
  df -Pk -- "$1" | awk 'NR == 2 { print int($4 / 1024) }'
}

# Mebibytes of memory: the machine's, or the container's where that is less.
memory_mib() {
  local total limit
  if [[ -r /proc/meminfo ]]; then
    total=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
  else
    total=$(($(sysctl -n hw.memsize) / 1048576))
  fi
  limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
  if [[ $limit =~ ^[0-9]+$ ]] && ((limit / 1048576 < total)); then
    total=$((limit / 1048576))
  fi
  printf '%s\n' "$total"
}
