-- Notes that a copy of a notice was taken. $1: its id.
update sandbox.notice set copies = copies - 1, tries = 0, due = clock_timestamp() where id = $1
