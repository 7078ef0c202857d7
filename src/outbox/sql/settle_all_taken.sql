-- As settle.sql, for the usual case that no row of delivery comes, changes or goes. PostgreSQL prepares all
-- parts of a statement each time, also those that have nothing to do, and fires their triggers.
-- The commit doesn't wait for the disk. Deliveries whose outcome PostgreSQL loses are sent again, and
-- nothing else depends on it (docs/decisions/0018).
-- Attempts: $1 to $16 as there. Fanned out: $17 account, $18 position. Index: outbox_rows_are_unique.
with unhurried as (
    select set_config('synchronous_commit', 'off', true)
), attempted as (
    insert into calmony.attempt
           (account, position, endpoint, number, started_at, duration_us, status, error, response, truncated,
            dns_us, connect_us, tls_us, first_byte_us, early, order_gap)
    select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::integer[], $5::timestamptz[],
                         $6::integer[], $7::smallint[], $8::text[], $9::text[], $10::boolean[],
                         $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::boolean[],
                         $16::boolean[])
)
delete from calmony.outbox o
 using unnest($17::bigint[], $18::bigint[]) as x (account, position)
 where o.account = x.account and o.position = x.position
   and (select true from unhurried)
