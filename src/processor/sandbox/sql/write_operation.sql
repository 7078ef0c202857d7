-- Keeps an operation: a new one, or another outcome of one that is there.
insert into sandbox.operation
       (key, kind, request, method, reference, outcome, amount, decline, challenge, due)
values ($1, $2, $3::text::json, $4, $5, $6, $7, $8::text::json, $9, $10)
    on conflict (key) do update
   set outcome = excluded.outcome, amount = excluded.amount, decline = excluded.decline, due = excluded.due
