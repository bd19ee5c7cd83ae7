#!/usr/bin/env bash
# Makes the self-contained archives target/sparsebalance-VERSION-linux-x86_64-{cpu,cuda}.tar.xz: a Java runtime with only the modules
# that are used, all jars, native libraries that are loaded, and a launcher. Called by `mvn -Pdist package`; argument: the version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly version=$1 java_major=25 most_bytes=$((60 << 20))
readonly lib=target/lib work=target/dist

fail() {
  printf '[ERROR] dist: %s\n' "$1" >&2
  exit 1
}

[[ $(uname -s) == Linux && $(uname -m) == x86_64 ]] || fail "archives are made on Linux x86-64 only"
for tool in tar xz unzip; do
  command -v "$tool" >/dev/null || fail "it needs $tool"
done

jdk=
for home in "${SPARSEBALANCE_JAVA_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/* "$HOME"/.sdkman/candidates/java/* "$HOME"/.jdks/*; do
  if [[ -x $home/bin/jlink ]] && grep -q "^JAVA_VERSION=\"$java_major[.\"]" "$home/release" 2>/dev/null; then
    jdk=$home
    break
  fi
done
[[ -n $jdk ]] || fail "it needs a JDK $java_major with jlink; set SPARSEBALANCE_JAVA_HOME"

rm -rf "$work"
mkdir -p "$work"
# What the jars name, without what Jackson and Logback use only if it is there (desktop, SQL, mail). Added is what was only implied by
# those (xml, logging), and what no class file names: the vector module, Unsafe for Pekko, flight recordings, archives
# as file systems.
modules=$("$jdk/bin/jdeps" --print-module-deps --ignore-missing-deps --multi-release "$java_major" \
  target/sparsebalance-app-"$version".jar "$lib"/*.jar | tail -n 1 | tr ',' '\n' \
  | grep -Ev '^java\.(desktop|sql|rmi|compiler|instrument)$' | paste -sd ,)
modules+=,java.xml,java.logging,java.management,jdk.unsupported,jdk.incubator.vector,jdk.jfr,jdk.zipfs
printf '[INFO] dist: runtime of %s\n' "$modules"
# A JDK without a folder jmods links from its own image.
"$jdk/bin/jlink" --add-modules "$modules" --output "$work/runtime" --no-header-files --no-man-pages \
  --compress=zip-0 --strip-java-debug-attributes

# Archive of one flavour, without the jars that match a pattern.
archive() {
  local flavour=$1 without=$2 name=sparsebalance-$version-linux-x86_64-$1 jar bytes
  local root=$work/$name
  mkdir -p "$root/lib" "$root/native"
  cp -a "$work/runtime" "$root/runtime"
  for jar in target/sparsebalance-app-"$version".jar "$lib"/*.jar; do
    [[ $(basename "$jar") =~ $without ]] || cp "$jar" "$root/lib/"
  done
  if [[ $flavour == cuda ]]; then
    # The only native library of JCuda that is loaded, as a file: the jar holds 24 MB of others.
    unzip -q -j "$lib"/jcuda-natives-*-linux-x86_64.jar 'lib/libJCudaDriver-*' -d "$root/native"
  fi
  cp src/build/launcher.sh "$root/sparsebalance"
  chmod +x "$root/sparsebalance"
  cp ../LICENSE ../README.md "$root/"
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$work" -c "$name" | xz -T0 -7 >"target/$name.tar.xz"
  bytes=$(stat -c %s "target/$name.tar.xz")
  printf '[INFO] dist: target/%s.tar.xz, %d KiB\n' "$name" "$((bytes >> 10))"
  ((bytes <= most_bytes)) || fail "$name.tar.xz has $bytes bytes, more than $most_bytes"
}

archive cpu '^jcuda-natives-'
archive cuda '^(jcuda-natives-|openblas-|javacpp-.*-linux-)'
