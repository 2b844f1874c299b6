# Runs in the container: sh -c SCRIPT loktar NONCE FOLDER STEPS OTHERWISE PROBE LINE...
# The first STEPS lines are steps, the next OTHERWISE are run in their place
# when the line PROBE exits with 1, the others clean up. Words that begin with
# \001NONCE: tell the server how far this is. Variables bear names that a
# package cannot set.
loktar_nonce=$1 loktar_dir=$2 loktar_from=0 loktar_to=$3 loktar_steps=$(($3 + $4)) loktar_probe=$5
shift 5
loktar_tell() { printf '\001%s:%s\n' "$loktar_nonce" "$1"; }

# One pipe for both streams keeps them in order.
exec 2>&1
loktar_code=1
trap 'exit "$loktar_code"' EXIT
# A signal to the container reaches the lines, which it ends, and this shell,
# which tells of it and goes on to clean up. A handler, unlike '', is not
# inherited.
trap 'loktar_tell signal:0' HUP INT TERM

loktar_tell "shell:$$"
cd -P -- "./$loktar_dir" || exit
loktar_code=0 loktar_i=0
if [ -n "$loktar_probe" ]; then
	/bin/sh -ec "$loktar_probe" </dev/null >/dev/null 2>&1
	loktar_code=$?
	if [ "$loktar_code" -eq 1 ]; then
		loktar_code=0 loktar_from=$loktar_to loktar_to=$loktar_steps
	fi
fi
for loktar_line; do
	if [ "$loktar_i" -lt "$loktar_steps" ]; then
		if [ "$loktar_code" -eq 0 ] && [ "$loktar_i" -ge "$loktar_from" ] && [ "$loktar_i" -lt "$loktar_to" ]; then
			loktar_tell "step:$loktar_i"
			/bin/sh -ec "$loktar_line"
			loktar_code=$?
			[ "$loktar_code" -eq 0 ] || loktar_tell "exit:$loktar_code"
		fi
	else
		loktar_tell "clean:$((loktar_i - loktar_steps)):$loktar_code"
		/bin/sh -ec "$loktar_line" || loktar_tell "unclean:$?"
	fi
	loktar_i=$((loktar_i + 1))
done
