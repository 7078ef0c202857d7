-- Accounts and their API keys. An account's test mode and live mode are two rows: two worlds that share a name.
grant usage on schema calmony to calmony_api, calmony_reader, calmony_worker;

create table calmony.account (
    id         bigint generated always as identity,
    name       text not null,
    livemode   boolean not null,
    created_at timestamptz not null,
    constraint account_ids_are_unique primary key (id),
    constraint account_names_are_unique_in_a_mode unique (name, livemode),
    constraint account_name_is_1_to_100_characters check (char_length(name) between 1 and 100)
);

-- A key is 192 random bits, so a plain SHA-256 can't be searched; the key itself is stored nowhere.
create table calmony.api_key (
    account    bigint not null references calmony.account (id),
    id         bigint generated always as identity,
    hash       bytea not null,
    hint       text not null, -- what people see of it: sk_test_…last four characters
    created_at timestamptz not null,
    constraint api_key_ids_are_unique primary key (account, id),
    constraint api_key_hashes_are_unique unique (hash),
    constraint api_key_hash_is_sha256 check (octet_length(hash) = 32)
);

grant select on calmony.account, calmony.api_key to calmony_reader;
grant select on calmony.account to calmony_worker;
