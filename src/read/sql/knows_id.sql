-- Whether there is an event or an object of that id. $1 account, $2 id.
-- Indexes: event_ids_are_unique, object_ids_are_unique.
select exists (select from calmony.event where account = $1 and id = $2)
       or exists (select from calmony.object where account = $1 and id = $2) as is_known
