-- Stores search documents together with the new position of the log in them, unless another session has
-- gone on from the old one, or emptied the tables.
-- $1 account, $2 from this position, 0 for the beginning, $3 up to this one; a document each: $4 id,
-- $5 version, $6 name, $7 email, $8 phone, $9 its terms as a JSON array, $10 amount; $11 the kind.
-- Indexes: search_documents_are_unique, search_reached_is_one_a_kind.
with moved as (
    insert into calmony.search_reached as p (account, kind, position)
    select $1, $11, $3
     where $2::bigint = 0 or exists (select from calmony.search_reached where account = $1 and kind = $11)
        on conflict (account, kind) do update set position = excluded.position where p.position = $2
    returning account
)
insert into calmony.search_document as d
       (account, id, version, name, email, phone, terms, amount)
select m.account, id, version, name, email, phone, array(select json_array_elements_text(terms::json)), amount
  from moved m
 cross join unnest($4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
                   $10::bigint[]) as x (id, version, name, email, phone, terms, amount)
    on conflict (account, id) do update
   set version = excluded.version, name = excluded.name, email = excluded.email, phone = excluded.phone,
       terms = excluded.terms, amount = excluded.amount
 where d.version < excluded.version
