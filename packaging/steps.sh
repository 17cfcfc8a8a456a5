# What packaging/try and packaging/check share. Sourced by bash, after `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
started=$SECONDS

say() {
  local seconds=$((SECONDS - started))
  printf '\n== %s  (%d:%02d)\n' "$*" $((seconds / 60)) $((seconds % 60))
}

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# packages KIND: the names in packages.txt; KIND "try" leaves out those for check only.
packages() {
  awk -v kind="$1" '!/^#/ && NF && (kind == "check" || $2 != "check") { print $1 }' \
    "$root/packaging/packages.txt"
}

missing_packages() {
  local package
  for package in $(packages "$1"); do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      printf '%s\n' "$package"
  done
}

# Installs what is missing, and nothing if nothing is. Only this runs as root.
install_packages() {
  if ! command -v apt-get >/dev/null; then
    printf 'No apt-get here. These Debian packages are needed, under whatever name:\n%s\n' \
      "$(packages "$1" | tr '\n' ' ')"
    return
  fi
  local missing as_root=()
  mapfile -t missing < <(missing_packages "$1")
  if [ ${#missing[@]} -eq 0 ]; then
    printf 'all packages are installed\n'
    return
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      die "not root and no sudo; as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  printf 'installing: %s\n' "${missing[*]}"
  "${as_root[@]}" apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
    --no-install-recommends "${missing[@]}" >/dev/null
}

# configure BUILD [OPTION]…: sets a build folder up once.
configure() {
  local build=$1
  shift
  if [ -f "$build/build.ninja" ]; then return; fi
  rm -rf "$build"  # what an interrupted setup left
  meson setup "$build" "$root" "$@" >"$build.log" 2>&1 || {
    tail -n 20 "$build.log" >&2
    die "meson setup failed; all of it is in $build.log"
  }
  rm -f "$build.log"
}
