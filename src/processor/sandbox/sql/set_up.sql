-- Notes that the holder of a method has passed a challenge. $1: its token.
update sandbox.method set set_up = true where token = $1
