-- The position of an event in the log. $1 account, $2 id. Index: event_ids_are_unique.
select position
  from calmony.event
 where account = $1 and id = $2
