-- Notes that keys were used. $1 accounts, $2 their numbers.
select calmony.note_key_use($1, $2)
