-- Appends an event that comes alone and has no idempotency key: append.sql without the parts that a single
-- row doesn't need. $1 to $14 as there, arrays of one element.
insert into calmony.event
       (account, id, stream, version, type, deleted, data, previous, internal, request_id, idempotency_key,
        created_at, trace)
values (($1::bigint[])[1], ($2::text[])[1], ($3::text[])[1], ($4::bigint[])[1], ($5::text[])[1],
        ($6::boolean[])[1], ($7::text[])[1]::json, ($8::text[])[1]::json, ($9::text[])[1]::json,
        ($10::text[])[1], ($11::text[])[1], ($12::timestamptz[])[1], ($13::text[])[1])
    on conflict (account, stream, version) do nothing
returning id, case when $14::text is not null then pg_notify($14::text, '') end,
          case when $14::text is not null then set_config('lock_timeout', '1s', true) end
