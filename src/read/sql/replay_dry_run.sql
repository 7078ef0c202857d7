-- The number of an account's newest 250,000 events that a replay would be for, and whether these are all
-- events.
-- $1 account, $2 endpoint, $3 types or null, $4 object or null, $5 from and $6 until these times or null, $7
-- only those that were given up.
-- Indexes: event_positions_are_unique, endpoint_ids_are_unique, delivery_is_owed_once.
with newest as materialized (
    select account, position
      from calmony.event
     where account = $1
     order by position desc
     limit 250001
)
select (select count(*)
          from calmony.endpoint p
         cross join (select * from newest limit 250000) n
          join calmony.event e on e.account = n.account and e.position = n.position
         where p.account = $1 and p.id = $2
           and calmony.replays(row(p.account, 0, 0, now(), $5::timestamptz, $6::timestamptz, null,
                                   $7::boolean, false, null, p.id, p.id, 'running', $4::text,
                                   $3::text[])::calmony.replay,
                               e, p.enabled_events)) as count,
       (select count(*) <= 250000 from newest) as is_all
