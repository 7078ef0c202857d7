-- Keeps operations: new ones, and other outcomes of those that are there. Arrays, one element an operation.
insert into sandbox.operation
       (key, kind, request, method, reference, outcome, amount, decline, challenge, due)
select key, kind, request::json, method, reference, outcome, amount, decline::json, challenge, due
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
              $8::text[], $9::text[], $10::timestamptz[])
       as o (key, kind, request, method, reference, outcome, amount, decline, challenge, due)
    on conflict (key) do update
   set outcome = excluded.outcome, amount = excluded.amount, decline = excluded.decline, due = excluded.due
