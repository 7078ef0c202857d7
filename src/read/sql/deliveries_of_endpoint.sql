-- The deliveries of one endpoint between two positions of the log, in either direction. $1 account, $2 and $3
-- the range without its ends, $4 rows, $5 endpoint, $6 state or null for all.
-- Indexes: delivery_of_endpoint, attempt_of_endpoint, event_positions_are_unique.
with rows as (
    select position, state, due_at
      from calmony.delivery
     where account = $1 and endpoint = $5::text and position > $2 and position < $3
       and ($6::text is null or state = $6)
     order by position :direction
     limit $4
), done as (
    -- An event without a row was taken, or its endpoint was deleted before.
    select a.position, case when bool_or(a.error is null) then 'delivered' else 'dropped' end as state
      from calmony.attempt a
     where a.account = $1 and a.endpoint = $5::text and a.position > $2 and a.position < $3
       and not exists (select from calmony.delivery d
                        where d.account = $1 and d.endpoint = $5::text and d.position = a.position)
     group by a.position
    having $6::text is null or $6 = case when bool_or(a.error is null) then 'delivered' else 'dropped' end
     order by a.position :direction
     limit $4
)
select l.position, e.id::text as event, $5::text as endpoint, l.state, l.due_at
  from (select position, state, due_at from rows
        union all
        select position, state, null::timestamptz from done) l
  join calmony.event e on e.account = $1 and e.position = l.position
 order by l.position :direction
 limit $4
