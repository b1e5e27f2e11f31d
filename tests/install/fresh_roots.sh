#!/usr/bin/env bash
# Runs README's two commands on bare machines: fresh roots of Debian 12 and 13, as an ordinary user and as root, and one
# with a Python of its own in /usr/local where no bytecode may be written, as in container images.
#
#   sudo tests/install/fresh_roots.sh [ROOT ...]        of: 12-user 12-root 13-user 13-root image; all if left out
#
# It takes the checkout as it is committed. Needs debootstrap, git, and about 3 GB. These may be set:
#   ROOTS     a directory for the roots, kept from run to run          /var/tmp/segmenter-roots
#   MIRROR    of Debian                                               (nothing: debootstrap's own choice)
#   TESTS     what the second command is given, to run fewer tests    (nothing: all of them)
#   PORT      to serve on                                             8000
#   PYTHON    the prefix of a Python, built on Debian 12, for "image" (nothing: Debian's own, with its pip)
# Certificate authorities that this machine adds to Debian's are added in the roots too.
set -euo pipefail
cd "$(dirname "$0")/../.."

ROOTS=${ROOTS:-/var/tmp/segmenter-roots} MIRROR=${MIRROR:-} PORT=${PORT:-8000}
LIBRARIES=libssl3,libffi8,zlib1g,libbz2-1.0,liblzma5,libreadline8,libsqlite3-0,libncursesw6
mkdir -p "$ROOTS"

# The lines in the first two blocks of README's Start.
commands() { awk '/^## /{on = /^## Start/} on && /^```/{block = !block; next} on && block' README.md; }
mapfile -t COMMANDS < <(commands)

base() { # SUITE PACKAGES: a root with what a stock Debian has, made once
  local made=$ROOTS/$1-base
  [ -e "$made/made" ] && return
  rm -rf "$made"
  debootstrap --include="ca-certificates,$2" "${1%%-*}" "$made" $MIRROR >"$ROOTS/$1.log"
  touch "$made/made"
}

fresh() { # NAME BASE USER: a copy of its own, with the checkout in the user's home
  local root=$ROOTS/$1
  rm -rf "$root"
  cp -a "$ROOTS/$2-base" "$root"
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  if compgen -G "/usr/local/share/ca-certificates/*.crt" >/dev/null; then
    cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
  fi
  [ "$3" = root ] || chroot "$root" useradd --create-home --shell /bin/bash "$3"
  local home; home=$(chroot "$root" sh -c "echo ~$3")
  mkdir "$root$home/segmenter"
  git archive HEAD | tar -x -C "$root$home/segmenter"
  chroot "$root" chown -R "$3:" "$home/segmenter"
  cp tests/install/in_a_root.sh "$root/check.sh"
}

check() { # NAME USER [VARIABLE=VALUE ...]
  local root=$ROOTS/$1 user=$2
  shift 2
  # A login of that user's, so nothing of this shell's environment; its processes end with it.
  unshare --mount --pid --fork --kill-child sh -c '
    root=$1 user=$2 script=$3
    mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev"
    exec chroot "$root" su - "$user" -c "$script"
  ' sh "$root" "$user" "env $* PORT=$PORT TESTS='${TESTS:-}' FIRST='${COMMANDS[0]}' SECOND='${COMMANDS[1]}' bash /check.sh"
  rm -rf "$root"
}

for name in "${@:-12-user 12-root 13-user 13-root image}"; do for each in $name; do
  echo "=== $each"
  case $each in
    12-user) base bookworm python3,python3-pip && fresh "$each" bookworm ada && check "$each" ada ;;
    12-root) base bookworm python3,python3-pip && fresh "$each" bookworm root && check "$each" root ;;
    13-user) base trixie python3,python3-pip && fresh "$each" trixie ada && check "$each" ada ;;
    13-root) base trixie python3,python3-pip && fresh "$each" trixie root && check "$each" root ;;
    image)
      if [ -n "${PYTHON:-}" ]; then
        base bookworm-image "$LIBRARIES"
        fresh "$each" bookworm-image root
        cp -a "$PYTHON/." "$ROOTS/$each/usr/local/"
        chroot "$ROOTS/$each" ldconfig
      else
        base bookworm-image python3-pip
        fresh "$each" bookworm-image root
      fi
      check "$each" root PYTHONDONTWRITEBYTECODE=1
      ;;
    *) echo "There is no root called $each." >&2; exit 2 ;;
  esac
done; done
