-- The next part of an account's log up to a position: where it ends, how many events it has, and each customer that it
-- changes, as it is at its end. $1 account, $2 after this position, $3 up to this one, $4 events.
-- Index: event_positions_are_unique.
with part as materialized (
    select position, stream
      from calmony.event
     where account = $1 and position > $2 and position <= $3
     order by position
     limit $4
), newest as materialized (
    select max(position) as position from part where starts_with(stream, 'cus_') group by stream
)
select p.last, p.events, e.stream::text, e.version, e.deleted, e.data::text
  from (select max(position) as last, count(*) as events from part) p
  left join newest n on true
  left join calmony.event e on e.account = $1 and e.position = n.position
