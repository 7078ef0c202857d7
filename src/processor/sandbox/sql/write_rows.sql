-- Adds rows to the journal, in this order. Their numbers and their times are the database's.
insert into sandbox.journal (key, kind, outcome, amount, currency, reference)
select key, kind, outcome, amount, currency, reference
  from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
       with ordinality as r (key, kind, outcome, amount, currency, reference, place)
 order by place
