-- Writes outcomes of many deliveries down, in one statement: the attempts, the deliveries that wait now,
-- those that wait no longer, those that are next in line behind them, and the events that are fanned out.
-- Attempts: $1 account, $2 position, $3 endpoint, $4 number, $5 started, $6 microseconds, $7 status,
-- $8 error, $9 response, $10 truncated, $11 to $14 microseconds of the phases (name look-up, connection,
-- TLS, until the first byte), $15 early, $16 after a gap.
-- Waiting: $17 account, $18 position, $19 endpoint, $20 bucket, $21 attempts, $22 state, $23 milliseconds
-- until it is due, null unless it is owed, $24 the object and $25 the group that it stands in line for, or
-- null, $26 `object` or `group` if it waits only for those before it in one of these lines.
-- Delivered: $27 account, $28 position, $29 endpoint. Fanned out: $30 account, $31 position.
-- Indexes: delivery_is_owed_once, delivery_in_line, outbox_rows_are_unique.
with attempted as (
    insert into calmony.attempt
           (account, position, endpoint, number, started_at, duration_us, status, error, response, truncated,
            dns_us, connect_us, tls_us, first_byte_us, early, order_gap)
    select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[], $5::timestamptz[],
                         $6::integer[], $7::smallint[], $8::text[], $9::text[], $10::boolean[],
                         $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::boolean[],
                         $16::boolean[])
), waiting as (
    insert into calmony.delivery
           (account, position, endpoint, bucket, attempts, state, due_at, stream, group_id)
    select account, position, endpoint, bucket, attempts, state,
           -- The delivery that it was read to stand behind may have gone since, or goes now.
           case when case behind
                     when 'object' then not exists (
                         select from calmony.delivery x
                          where x.account = w.account and x.endpoint = w.endpoint and x.stream = w.stream
                            and x.position < w.position and x.state <> 'exhausted'
                            and (x.account, x.position, x.endpoint::text) not in (
                                    select * from unnest($27::bigint[], $28::bigint[], $29::text[])))
                     when 'group' then calmony.before_in_group(
                         account, position, endpoint, group_id, bucket) is distinct from 'owed'
                     end
                then statement_timestamp()
                else statement_timestamp() + wait_ms * interval '1 millisecond' end, stream, group_id
      from unnest($17::bigint[], $18::bigint[], $19::text[], $20::smallint[], $21::integer[], $22::text[],
                  $23::bigint[], $24::text[], $25::text[], $26::text[])
           as w (account, position, endpoint, bucket, attempts, state, wait_ms, stream, group_id, behind)
        on conflict (account, position, endpoint) do update
       set attempts = excluded.attempts, state = excluded.state, due_at = excluded.due_at
    returning account, position, endpoint, stream, state
), delivered as (
    delete from calmony.delivery d
     using unnest($27::bigint[], $28::bigint[], $29::text[]) as x (account, position, endpoint)
     where d.account = x.account and d.position = x.position and d.endpoint = x.endpoint
    returning d.account, d.position, d.endpoint, d.stream
), passed as (
    select account, position, endpoint, stream from delivered where stream is not null
    union all
    select account, position, endpoint, stream from waiting where stream is not null and state = 'exhausted'
), advanced as (
    update calmony.delivery d
       set due_at = statement_timestamp()
      from passed p
     cross join lateral (
           select account, position, endpoint
             from calmony.delivery
            where account = p.account and endpoint = p.endpoint and stream = p.stream
              and position > p.position and state = 'owed'
            order by position
            limit 1) next
     -- A statement can touch a row only once.
     where (next.account, next.position, next.endpoint::text) not in (
               select * from unnest($17::bigint[], $18::bigint[], $19::text[])
               union all
               select * from unnest($27::bigint[], $28::bigint[], $29::text[]))
       and d.account = next.account and d.position = next.position and d.endpoint = next.endpoint
)
delete from calmony.outbox o
 using unnest($30::bigint[], $31::bigint[]) as x (account, position)
 where o.account = x.account and o.position = x.position
