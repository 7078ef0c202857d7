-- The deliveries that an account is owed at this moment. Counts end at a hundred thousand. $1 account.
-- Indexes: delivery_due, delivery_is_owed_once, endpoint_ids_are_unique, event_positions_are_unique,
-- outbox_rows_are_unique.
with recursive owing as (
    (select endpoint, due_at
       from calmony.delivery
      where account = $1 and state = 'owed'
      order by endpoint, due_at
      limit 1)
    union all
    select next.endpoint, next.due_at
      from owing o
     cross join lateral (
           select endpoint, due_at
             from calmony.delivery
            where account = $1 and state = 'owed' and endpoint > o.endpoint
            order by endpoint, due_at
            limit 1) next
), state as (
    select count(*) filter (where state = 'owed') as owed, count(*) filter (where state = 'parked') as parked,
           count(*) filter (where state = 'exhausted') as exhausted
      from (select state from calmony.delivery where account = $1 limit 100000) d
), due as (
    select min(due_at) as since
      from (select due_at from owing where due_at < statement_timestamp()
             union all
            -- The row of the outbox comes first: the other way round, this would go through the whole log.
            (select e.created_at
               from (select account, position
                       from calmony.outbox
                      where account = $1
                      order by position
                      limit 1) o
               join calmony.event e on e.account = o.account and e.position = o.position)) d
)
select coalesce(extract(epoch from statement_timestamp() - due.since), 0)::float8 as oldest_due,
       state.owed, state.parked, state.exhausted,
       (select count(*) from calmony.endpoint p where p.account = $1 and p.status = 'enabled') as enabled,
       (select count(*) from calmony.endpoint_failing f where f.account = $1) as failing,
       floor(extract(epoch from statement_timestamp()))::bigint as now,
       coalesce(newest.position, 0) as position, newest.id::text as newest
  from due
 cross join state
  left join lateral (
       select position, id
         from calmony.event
        where account = $1
        order by position desc
        limit 1) newest on true
