#!/bin/sh
# Makes the passwords of docker-compose.yml in ./secrets; those that are there stay. Shows none.
#
# The folder is closed to everybody else; the files in it are open, for the containers' users to read.
set -eu
cd "$(dirname "$0")/.."
mkdir -p -m 700 secrets
make() { # FILE COMMAND...: what it prints, whole or not at all
    file=secrets/$1
    shift
    [ -s "$file" ] || { "$@" >"$file.new" && chmod 644 "$file.new" && mv "$file.new" "$file"; }
}
random() { openssl rand -hex 24; }
# What the proxy says to the dashboard; people have passwords of their own, in users.txt.
login() { printf 'proxy:%s\n' "$(random)"; }
header() { printf 'header_up Authorization "Basic %s"\n' "$(head -n 1 secrets/dashboard.txt | tr -d '\n' | openssl base64 -A)"; }

for role in postgres owner worker viewer; do make $role.txt random; done
make dashboard.txt login
make dashboard_login.txt header
[ -f secrets/users.txt ] || { : >secrets/users.txt && chmod 644 secrets/users.txt; }
