-- What meets a condition, newest first, within a range of ids. A document without terms is what is left of a deleted object.
-- $1 account, $2 and $3 the range without its ends, $4 terms that all are there, $5 terms of which none is, texts that must be
-- within a field or must not: $6 fields, $7 texts, $8 must; ranges of ids that are left out: $9 first, $10 the end; $11 rows.
-- Planned for each query: rare terms lead through the index, common ones through the ids. Said with `bool_and` because an anti-join
-- is estimated to leave one row, and the planner then sorts a million (measured).
-- Indexes: search_document_terms, search_documents_are_unique, object_ids_are_unique.
with found as materialized (
    select d.id
      from calmony.search_document d
     where d.account = $1 and d.id > $2::text and d.id < $3::text
       and d.terms @> $4::text[] and not d.terms && $5::text[] and d.terms <> '{}'
       and (select bool_and((coalesce(strpos(case field when 'n' then d.name when 'e' then d.email else d.phone end, part),
                                      0) > 0) = must)
              from unnest($6::text[], $7::text[], $8::boolean[]) as x (field, part, must)) is not false
       and (select bool_and(d.id < x.first or d.id >= x.ending)
              from unnest($9::text[], $10::text[]) as x (first, ending)) is not false
     order by d.id desc
     limit $11
)
select o.id::text, o.data::text
  from found
  join calmony.object o on o.account = $1 and o.id = found.id
