-- How many events a replay would be for, a million at the most. $1 account, $2 endpoint, $3 types or null, $4 object or null,
-- $5 from and $6 until these times or null, $7 only those that were given up.
-- Indexes: event_positions_are_unique, endpoint_ids_are_unique, delivery_is_owed_once.
select count(*)
  from (select
          from calmony.endpoint p
          join calmony.event e on e.account = p.account
         where p.account = $1 and p.id = $2
           and calmony.replays(row(p.account, 0, 0, now(), $5::timestamptz, $6::timestamptz, null, $7::boolean, false, p.id, p.id,
                                   'running', $4::text, $3::text[])::calmony.replay, e, p.enabled_events)
         limit 1000000) matching
