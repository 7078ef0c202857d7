-- The events of a part of the log that an endpoint asked for: their number by the state of their delivery,
-- and those of which there is no trace.
-- $1 account, $2 endpoint, $3 and $4 the part after and up to these positions, $5 enabled events, $6 not
-- before this time.
-- Indexes: event_positions_are_unique, delivery_is_owed_once, outbox_rows_are_unique, attempt_of_endpoint.
with asked as materialized (
    select e.position, e.id, e.created_at, e.stream, d.state, o.position is not null as pending,
           d.state is null and o.position is null and exists (
               select from calmony.attempt a
                where a.account = e.account and a.endpoint = $2::text and a.position = e.position
                  and a.error is null) as delivered
      from calmony.event e
      left join calmony.delivery d on d.account = e.account and d.position = e.position
                                  and d.endpoint = $2::text
      left join calmony.outbox o on o.account = e.account and o.position = e.position
     where e.account = $1 and e.position > $3 and e.position <= $4 and e.created_at >= $6
       and calmony.subscribes($5::text[], e.type)
), missing as (
    select *
      from asked
     where state is null and not pending and not delivered
     order by position
)
select (select count(*) filter (where delivered) from asked) as delivered,
       (select count(*) filter (where state = 'owed') from asked) as owed,
       (select count(*) filter (where state = 'parked') from asked) as parked,
       (select count(*) filter (where state = 'exhausted') from asked) as exhausted,
       (select count(*) filter (where state is null and pending) from asked) as pending,
       array(select id::text from missing order by position) as events,
       array(select position from missing order by position) as positions,
       array(select created_at from missing order by position) as times,
       array(select calmony.bucket_of(stream) from missing order by position) as buckets
