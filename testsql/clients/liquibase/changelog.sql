--liquibase formatted sql

--changeset tester:one
CREATE TABLE one (id integer PRIMARY KEY);
CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers '127.0.0.1:1', topics '^shop');
ALTER DATA SOURCE shop OPTIONS (SET topics '^shop2');
--rollback DROP DATA SOURCE shop;
--rollback DROP TABLE one;

--changeset tester:two
CREATE TABLE two (id integer PRIMARY KEY);
ALTER DATA SOURCE shop OPTIONS (SET topics '^shop3');
CREATE DATA SOURCE more TYPE kafka OPTIONS (brokers '127.0.0.1:1', topisc '^more');
--rollback DROP DATA SOURCE more;
--rollback ALTER DATA SOURCE shop OPTIONS (SET topics '^shop2');
--rollback DROP TABLE two;
