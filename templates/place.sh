#!/bin/sh
# Put what was uploaded to SOURCE at DESTINATION, as root's. A file whose DESTINATION is a folder keeps its NAME.
set -eu
umask 022
if [ -d "$SOURCE" ]; then
    mkdir -p -- "$DESTINATION"
    cp -R -- "$SOURCE/." "$DESTINATION/"
else
    case $DESTINATION in
        */) DESTINATION=$DESTINATION$NAME ;;
    esac
    [ ! -d "$DESTINATION" ] || DESTINATION=$DESTINATION/$NAME
    mkdir -p -- "$(dirname -- "$DESTINATION")"
    cp -- "$SOURCE" "$DESTINATION"
fi
rm -rf -- "$SOURCE"
echo "vmoffer: own file: placed $DESTINATION"
