-- Writes down what became of many deliveries, in one statement: the attempts, what waits now, what waits no longer, and
-- the events that are fanned out.
-- Attempts: $1 account, $2 position, $3 endpoint, $4 number, $5 started, $6 milliseconds, $7 status, $8 error,
-- $9 response, $10 truncated. Waiting: $11 account, $12 position, $13 endpoint, $14 bucket, $15 attempts, $16 state,
-- $17 milliseconds until it is due, null unless it is owed. Delivered: $18 account, $19 position, $20 endpoint.
-- Fanned out: $21 account, $22 position. Indexes: delivery_is_owed_once, outbox_rows_are_unique.
with attempted as (
    insert into calmony.attempt
           (account, position, endpoint, number, started_at, duration_ms, status, error, response, truncated)
    select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[], $5::timestamptz[], $6::integer[],
                         $7::smallint[], $8::text[], $9::text[], $10::boolean[])
), waiting as (
    insert into calmony.delivery (account, position, endpoint, bucket, attempts, state, due_at)
    select account, position, endpoint, bucket, attempts, state,
           statement_timestamp() + wait_ms * interval '1 millisecond'
      from unnest($11::bigint[], $12::bigint[], $13::text[], $14::smallint[], $15::integer[], $16::text[], $17::bigint[])
           as w (account, position, endpoint, bucket, attempts, state, wait_ms)
        on conflict (account, position, endpoint) do update
       set attempts = excluded.attempts, state = excluded.state, due_at = excluded.due_at
), delivered as (
    delete from calmony.delivery d
     using unnest($18::bigint[], $19::bigint[], $20::text[]) as x (account, position, endpoint)
     where d.account = x.account and d.position = x.position and d.endpoint = x.endpoint
)
delete from calmony.outbox o
 using unnest($21::bigint[], $22::bigint[]) as x (account, position)
 where o.account = x.account and o.position = x.position
