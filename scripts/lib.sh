# shellcheck shell=bash disable=SC2034 # the variables are for who sources this
# Functions that the demo and the benchmarks share. Source it; it expects `set -euo pipefail`.

# start_sshd DIR starts an OpenSSH server on a free port of the loopback interface with keys of its own below DIR. It
# sets port, key (of the user) and host_key (the fingerprint), and accepts the current user with that key.
start_sshd() {
	local dir=$1 sshd
	sshd=$(PATH=$PATH:/usr/sbin command -v sshd)
	mkdir -p "$dir"
	chmod 700 "$dir"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
	ssh-keygen -q -t ed25519 -N '' -f "$dir/user"
	cp "$dir/user.pub" "$dir/authorized_keys"
	[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		port=$((20000 + RANDOM % 20000))
		cat >"$dir/config" <<CONFIG
ListenAddress 127.0.0.1
Port $port
HostKey $dir/host
AuthorizedKeysFile $dir/authorized_keys
PidFile $dir/pid
PasswordAuthentication no
StrictModes no
UsePAM no
MaxStartups 100
Subsystem sftp internal-sftp
CONFIG
		"$sshd" -f "$dir/config" -E "$dir/log" || continue
		for _ in $(seq 50); do
			if [ -s "$dir/pid" ] && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
				key=$dir/user
				host_key=$(ssh-keygen -l -f "$dir/host.pub" | awk '{print $2}')
				return 0
			fi
			sleep 0.1
		done
	done
	echo "no SSH server could be started; see $dir/log" >&2
	return 1
}

# stop_sshd DIR stops it.
stop_sshd() {
	[ ! -s "$1/pid" ] || kill "$(cat "$1/pid")" 2>/dev/null || true
}

# cpanel_pigz compresses standard input as cPanel does.
cpanel_pigz() {
	pigz -6 --processes 1 --blocksize 4096 --rsyncable
}
