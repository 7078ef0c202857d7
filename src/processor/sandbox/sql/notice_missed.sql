-- Puts a notice off that wasn't taken. $1: its id. $2: the pause, in milliseconds.
update sandbox.notice
   set tries = tries + 1, due = clock_timestamp() + $2::bigint * interval '1 millisecond'
 where id = $1
