# shellcheck shell=bash
# shellcheck disable=SC2154 # root, venv, python: set by spark-submit.sh; the rest by prepare.sh
# The jars of Delta and of the PostgreSQL driver, fetched once for all clones of a user. Sourced by prepare.sh.

install_jars() {
  mkdir -p -- "$venv/jars"
  if ! are_whole "$cache/jars"; then
    if [[ -e ${HOME-}/.m2/settings.xml ]] && has mvn; then
      fetch_with_maven || fetch_with_spark
    else
      fetch_with_spark || { has mvn && fetch_with_maven; }
    fi
    are_whole "$scratch/jars"
    move_into "$scratch/jars" "$cache/jars"
  fi
  cp -- "$cache"/jars/*.jar "$scratch"
  move_into "$scratch" "$venv/jars"
  are_whole "$venv/jars"
}

are_whole() {
  [[ -d $1 ]] && "$python" -c 'import hashlib, pathlib, sys
for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
    digest, name = line.split()
    jar = pathlib.Path(sys.argv[2], name)
    if not jar.is_file() or hashlib.sha256(jar.read_bytes()).hexdigest() != digest:
        sys.exit(f"not there or not whole: {jar}")' "$root/scripts/jars.sha256" "$1"
}

# By a rename within the target's file system, so that a jar is there whole or not at all.
move_into() {
  local jar
  for jar in "$1"/*.jar; do
    mv -- "$jar" "$2/${jar##*/}.$$"
    mv -- "$2/${jar##*/}.$$" "$2/${jar##*/}"
  done
}

jar_names() {
  sed 's/^[0-9a-f]*  //' "$root/scripts/jars.sha256"
}

# group:artifact:version of each jar; antlr4-runtime, which Delta also needs, is among Spark's own.
coordinates() {
  local jar group artifact
  while read -r _ jar; do
    case $jar in
      delta-*) group=io.delta ;;
      *) group=org.postgresql ;;
    esac
    artifact=${jar%-*}
    jar=${jar%.jar}
    printf '%s:%s:%s\n' "$group" "$artifact" "${jar##*-}"
  done <"$root/scripts/jars.sha256"
}

# spark-submit resolves packages before it runs a program, so it is given one that does nothing.
fetch_with_spark() {
  local jar java_home spark_home
  java_home=$(find_java)
  spark_home=$(bundled_spark)
  : >"$scratch/nothing.py"
  env JAVA_HOME="$java_home" SPARK_HOME="$spark_home" PYSPARK_PYTHON="$python" \
    "$spark_home/bin/spark-submit" --master 'local[1]' --conf spark.jars.ivy="$scratch/ivy" \
    --packages "$(coordinates | paste -sd, -)" "$scratch/nothing.py"
  mkdir -p "$scratch/jars"
  # What the jars themselves ask for comes along and is left: it is among Spark's own, or only for compilers.
  for jar in $(jar_names); do
    mv -- "$scratch"/ivy/jars/*_"$jar" "$scratch/jars/$jar"
  done
}

fetch_with_maven() {
  local artifact
  for artifact in $(coordinates); do
    mvn --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
      -Dartifact="$artifact" -DoutputDirectory="$scratch/jars"
  done
}
