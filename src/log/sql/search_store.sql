-- Stores search documents, and how far the log is in them. Whoever is ahead stays ahead.
-- $1 account, $2 position; a document each: $3 id, $4 version, $5 name, $6 email, $7 phone, $8 its terms as a JSON array.
-- Indexes: search_documents_are_unique, search_progress_is_one_an_account.
with documents as (
    insert into calmony.search_document as d (account, id, version, name, email, phone, terms)
    select $1, id, version, name, email, phone, array(select json_array_elements_text(terms::json))
      from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[])
           as x (id, version, name, email, phone, terms)
        on conflict (account, id) do update
       set version = excluded.version, name = excluded.name, email = excluded.email, phone = excluded.phone,
           terms = excluded.terms
     where d.version < excluded.version
)
insert into calmony.search_progress as p (account, position)
values ($1, $2)
    on conflict (account) do update set position = excluded.position where p.position < excluded.position
