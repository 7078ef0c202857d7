-- Objects of a kind that meet a condition, newest first, within a range of ids. A document without terms is
-- the rest of a deleted object.
-- The index is asked first. Where it knows few, all of these are looked at; otherwise the newest are met soon
-- on the way down the ids. Left to itself the planner multiplies how common each part of a word is, and errs
-- by orders of magnitude (measured); the appended '{}' and the brackets keep it from the index and from
-- guessing there. To statistics, an account that has grown since they were taken is a small one: the added 0
-- and src/read/search.rs (no sort where an index has the order) keep the planner from going through all of
-- it.
-- $1 account, $2 and $3 the range without its ends, $4 terms that all are there, $5 terms of which none is,
-- texts that must be within a field or must not: $6 fields, $7 texts, $8 must; ranges of ids that are left
-- out: $9 first, $10 the end; $11 rows, $12 the most that are few; amounts: $13 from, $14 up to and without
-- this one, ranges that are left out: $15 first, $16 the end.
-- Indexes: search_document_terms, search_documents_are_unique.
with candidates as materialized (
    select id, name, email, phone, amount
      from calmony.search_document
     where account + 0 = $1 and terms @> $4::text[] and $4::text[] <> '{}' and not terms && $5::text[]
     limit $12::bigint + 1
), known as materialized (
    select $4::text[] <> '{}' and count(*) <= $12::bigint as few from candidates
), found as materialized (
    (select d.id
       from candidates d
      where (select few from known)
        and d.id > $2::text and d.id < $3::text
        and (select bool_and((coalesce(strpos(case field when 'n' then d.name
                                                         when 'e' then d.email
                                                         else d.phone end, part), 0) > 0) = must)
               from unnest($6::text[], $7::text[], $8::boolean[]) as x (field, part, must)) is not false
        and (select bool_and(d.id < x.first or d.id >= x.ending)
               from unnest($9::text[], $10::text[]) as x (first, ending)) is not false
        and coalesce(d.amount, 0) >= $13::bigint and coalesce(d.amount, 0) < $14::bigint
        and (select bool_and(coalesce(d.amount, 0) < x.first or coalesce(d.amount, 0) >= x.ending)
               from unnest($15::bigint[], $16::bigint[]) as x (first, ending)) is not false
      order by d.id desc
      limit $11)
    union all
    (select d.id
       from calmony.search_document d
      where not (select few from known)
        and d.account = $1 and d.id > $2::text and d.id < $3::text and d.terms <> '{}'
        and d.terms || '{}' @> (select $4::text[]) and not d.terms || '{}' && (select $5::text[])
        and (select bool_and((coalesce(strpos(case field when 'n' then d.name
                                                         when 'e' then d.email
                                                         else d.phone end, part), 0) > 0) = must)
               from unnest($6::text[], $7::text[], $8::boolean[]) as x (field, part, must)) is not false
        and (select bool_and(d.id < x.first or d.id >= x.ending)
               from unnest($9::text[], $10::text[]) as x (first, ending)) is not false
        and coalesce(d.amount, 0) >= $13::bigint and coalesce(d.amount, 0) < $14::bigint
        and (select bool_and(coalesce(d.amount, 0) < x.first or coalesce(d.amount, 0) >= x.ending)
               from unnest($15::bigint[], $16::bigint[]) as x (first, ending)) is not false
      order by d.id desc
      limit $11)
)
select id::text
  from found
