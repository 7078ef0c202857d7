-- Products: prod_…. The check takes more than before, so that nothing that is stored has to be looked at.
alter domain calmony.object_id drop constraint object_id_is_a_known_prefix_and_a_ulid;
alter domain calmony.object_id add constraint object_id_is_a_known_prefix_and_a_ulid
    check (value ~ '^(cus|pm|pi|sub|inv|cs|we|rpl|prod)_[0-7][0-9A-HJKMNP-TV-Z]{25}$') not valid;
