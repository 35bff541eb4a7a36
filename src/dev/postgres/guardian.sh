# Keeps one PostgreSQL server for as long as anybody uses it; guardian.rs starts this and says why.
# Standard input is the door: every user holds it open for writing, so that reading it ends only
# when the last user is gone, however that user ended. Standard output is the cluster's lock.
# It runs in the home of the cluster.
# Arguments: signal at the end, tenths of a second to wait for a next user, "keep" or "remove",
# the folder of the socket, then the command of the server.
signal=$1 linger=$2 fate=$3 sockets=$4
shift 4
home=$(pwd -P)
trap '' HUP INT QUIT TERM PIPE
exec 2>log 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
rm -f ended server.pid
server=

is_up() { [ -n "$server" ] && [ "$(cat ended 2>/dev/null)" != "$server" ]; }

# The end is noted with the number of the process, since what a killed guardian left behind may note
# the end of an earlier server late. One whose number cannot be noted, for want of room, is ended.
start() {
    rm -f ended server.pid
    (
        "$@" &
        echo $! >server.pid || while kill -s QUIT $! 2>/dev/null; do sleep 0.05; done
        wait
        echo $! >ended
    ) </dev/null >>log 2>&1 &
    starter=$!
    until [ -s server.pid ] || [ ! -d "$home" ] || ! kill -s 0 "$starter" 2>/dev/null; do
        sleep 0.01
    done
    server=
    [ -s server.pid ] && read -r server <server.pid
}

# Repeated, since a signal is lost while the server is not yet far enough to listen to it.
stop() {
    while [ -n "$server" ] && kill -s "$1" "$server" 2>/dev/null; do
        sleep 0.05
    done
    wait
    server=
}

waited=0
while [ "$waited" -le "$linger" ]; do
    while read -r word token detail; do
        waited=0
        case $word in
        up) is_up || start "$@" ;;
        down) stop "$detail" ;;
        leave) waited=$linger ;;
        esac
        [ -z "$token" ] || echo "$word" >"answers/$token"
    done
    [ "$waited" -ge "$linger" ] || sleep 0.1
    waited=$((waited + 1))
done

stop "$signal"
cd / || exit 1
rm -rf "$home/answers" "$home/door" "$home/ended" "$home/server.pid"
[ "$sockets" = "$home" ] || rmdir "$sockets"
if [ "$fate" = remove ]; then
    rm -rf "$home/data" "$home/log" "$home/users"
    # The lock goes last: whoever finds it free finds nothing else left.
    rm -f "$home/lock"
    rmdir "$home"
fi
