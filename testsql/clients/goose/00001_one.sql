-- +goose Up
CREATE TABLE one (id integer PRIMARY KEY);
CREATE DATA SOURCE shop TYPE kafka OPTIONS (brokers '127.0.0.1:1', topics '^shop');
ALTER DATA SOURCE shop OPTIONS (SET topics '^shop2');

-- +goose Down
DROP DATA SOURCE shop;
DROP TABLE one;
