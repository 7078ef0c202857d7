-- What a customer can be found by. Derived from the log when somebody searches (docs/decisions/0017), so that a write pays
-- nothing for it: emptying both tables is safe at any time, the next search fills them again.
create table calmony.search_document (
    account bigint not null,
    id      calmony.object_id not null,
    version bigint not null,      -- of the object that the rest was made of
    name    text collate "C",     -- the three texts in lower case, for what the terms alone don't decide
    email   text collate "C",
    phone   text collate "C",
    terms   text[] collate "C" not null, -- each begins with the account (src/domain/search); none when the customer was deleted
    constraint search_documents_are_unique primary key (account, id)
);
create index search_document_terms on calmony.search_document using gin (terms) with (gin_pending_list_limit = 1024);

-- How far an account's log is in its documents.
create table calmony.search_progress (
    account  bigint not null,
    position bigint not null,
    constraint search_progress_is_one_an_account primary key (account)
);

grant select on calmony.search_document, calmony.search_progress to calmony_reader;
grant select, insert, update on calmony.search_document, calmony.search_progress to calmony_api;
